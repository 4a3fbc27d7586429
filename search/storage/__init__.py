"""Campaign folders on a disk, a network share or S3: everything that reads or writes them."""
