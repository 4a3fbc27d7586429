"""Where campaigns lie, on a disk, a share or S3, and all that reads or writes there."""
