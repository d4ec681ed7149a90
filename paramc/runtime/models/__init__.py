"""Models from files: read once, named as diffusers names them, patched and restored; everything offline."""
