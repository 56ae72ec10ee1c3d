"""Every calendar that others read: a projection of the public stream."""
