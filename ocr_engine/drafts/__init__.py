"""Drafts: what an answer will probably say, proposed to the model, which verifies several tokens in a step.

Greedy verification keeps the answer as it is. `prediction` writes a page's answer from its text layer,
`phrases` what answers often hold, and `rule` says which of it is proposed after an answer so far.
"""
