"""The files that jobs may name: those in the folders of a call, and those that were scanned before."""

from collections.abc import Sequence
from pathlib import Path

from paramc.runtime.catalogue.find import Finder
from paramc.runtime.catalogue.scan import scan
from paramc.runtime.catalogue.store import open_catalogue
from paramc.runtime.demo.shipped import shipped_extras


def finder_in(folders: Sequence[Path]) -> Finder:
    """Finds by hash, then by name in these folders, in others, and among what is shipped for the demo model.

    Hashes only what has to be.
    """
    catalogue = open_catalogue()
    finder = Finder(catalogue, first=folders, beside=shipped_extras())
    if folders:
        finder.said += scan(catalogue, folders, hashing=False).diagnostics
    return finder
