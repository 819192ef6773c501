"""The benchmark of Shareef et al.: five datasets in one."""
