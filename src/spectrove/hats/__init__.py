"""Catalogs in HATS, the Hierarchical Adaptive Tiling Scheme that LSDB reads: a Parquet file for each tile of the sky.

    NAME/hats.properties                           what the catalog is: names, number of rows, columns of positions
    NAME/partition_info.csv                        order and number of every tile
    NAME/dataset/_common_metadata, _metadata       columns of all files, and the footers of all files
    NAME/dataset/Norder=K/Dir=D/Npix=N.parquet     rows of the tile N of HEALPix order K, D is N in whole 10,000

Tiles are split until none has too many rows. Column `_healpix_29` is the number of each row's pixel of order 29. A
collection is a folder with `collection.properties`, which names the folder of its catalog.
"""
