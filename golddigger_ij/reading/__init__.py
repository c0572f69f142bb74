"""How each file format gives its pixels and its pixel size; `golddigger_ij.montage` chooses between them."""
