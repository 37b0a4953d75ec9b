"""HDF5 files from untrusted sources: checks before the HDF5 library reads them."""
