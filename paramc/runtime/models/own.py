"""What a file says of a model that is not of the usual make: words of its own, channels normed in fewer groups."""

from collections.abc import Mapping
from typing import Final

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import Header
from paramc.runtime.text.bpe import SHARED, are_merges

MERGES: Final = "tokenizer.merges"  # in a file's metadata, in the format of CLIP's tokeniser
GROUPS: Final = "norm_num_groups"
USUAL_GROUPS: Final = 32


def own_groups(header: Header) -> Mapping[str, int]:
    """The number of groups as a configuration has it. Raises ModelError for one that is no number."""
    stated = header.metadata.get(GROUPS, str(USUAL_GROUPS))
    if not (len(stated) <= 2 and stated.isascii() and stated.isdigit() and 0 < int(stated) <= USUAL_GROUPS):
        raise ModelError(diagnose("PC594", file=header.path, key=GROUPS))
    return {GROUPS: int(stated)}


def own_merges(header: Header) -> str:
    """The merges of the file's own vocabulary, or those that models share. Raises ModelError where they are damaged."""
    merges = header.metadata.get(MERGES, SHARED)
    if merges and not are_merges(merges):
        raise ModelError(diagnose("PC594", file=header.path, key=MERGES))
    return merges
