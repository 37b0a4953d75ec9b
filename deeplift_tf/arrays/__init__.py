"""Arrays of rows: their base class, checks of their values, and checks of HDF5 files before that library reads them."""
