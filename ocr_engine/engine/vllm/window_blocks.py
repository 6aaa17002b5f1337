"""The blocks of an answer that a step's tokens see, where each sees the prompt and the last tokens (R-SWA).

Without the others a step costs prompt and window, however long the answer. vLLM's mask stays true: keys
within the window keep their distance to the query, and what is left of the answer before the gap is still
farther than the window. No name of vLLM is used here.
"""

import torch
from torch import Tensor


def seen_blocks(
    table: Tensor, lengths: Tensor, counts: Tensor, prompts: Tensor, window: int, block: int
) -> tuple[Tensor, Tensor]:
    """A step's block table without the blocks that none of its tokens sees, and the lengths to go with it.

    `table` int32 (rows, blocks) names each request's blocks of `block` tokens. `lengths` int32 (rows,) are
    its tokens, `counts` (rows,) those of them in this step, `prompts` (rows,) those of its prompt. Returns
    tensors shaped as `table` and `lengths`, of their dtypes. What stands behind a row's length means nothing.
    """
    behind_prompt = (prompts + block - 1) // block
    first_seen = (lengths - counts + 1 - window) // block
    gone = (first_seen - behind_prompt).clamp(min=0)
    columns = torch.arange(table.shape[1], device=table.device, dtype=torch.int32)
    moved = columns + gone[:, None] * (columns >= behind_prompt[:, None])
    return table.gather(1, moved.clamp(max=table.shape[1] - 1).long()), lengths - gone * block
