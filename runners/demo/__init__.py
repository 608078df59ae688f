"""``winnowry demo``: a whole network on this machine, judged by what the broker and the disks say of it."""
