"""Persistent volumes on one machine: PersistentVolumeClaims and VolumeSnapshots, as a storage class of a cluster provides them.

- `room` (pure): whether another volume fits on this machine's disk
- `images`: one volume as a file with a file system inside: created, mounted, grown, copied
- `claims`, `snapshots`: the reconcilers
- `attachments`: what pods mount

A volume is an ext4 file system with a journal in a file of its size (`sandbox.disks` says why), mounted once in the namespace of this process,
below the platform's state folder, where nobody but root enters. Containers get ID-mapped binds of that one mount: several pods share it as
processes of one machine share a folder, with locks and renames that work between them. It stays mounted while the claim exists, also when this
process is killed, and is never attached to two devices: two file systems on one image would destroy it.
"""
