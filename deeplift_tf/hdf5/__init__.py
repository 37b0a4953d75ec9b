"""HDF5 files from anywhere: what is checked before the library reads them."""
