"""What operating systems do differently, and files as they lie on a disk: nothing above asks which system it is on."""
