"""OmniDocBench end-to-end scoring (v1.0 and v1.5): ground truth and markdown in, official numbers out.

The protocol is the published evaluator's (github.com/opendatalab/OmniDocBench, `pdf_validation.py` with
`end2end_dataset`), oddities included: a score that repairs one of them is not comparable any more.
"""
