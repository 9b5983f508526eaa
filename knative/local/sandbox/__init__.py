"""Sandboxes of builds and applications.

- `plan`: a sandbox as data (pure); `identities`: user ids; `disks`: disk images; `seccomp`: the system call filter
- `isolation`: what this machine allows, and its description for people
- `launch`, `launch_steps`, `launch_mounts`, `launch_privileges`, `launch_kernel`: the program that becomes a container's program, as root;
  standard library only
- `bubblewrap`: the same for other users
- `trial_*`: programs that test one ability of the kernel each

Invariant: code that runs as root never follows a path inside a tenant's files.
"""
