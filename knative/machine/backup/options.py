"""Options of the tasks `backup` and `restore`. Apart from what they do: every task reads them."""

from argparse import ArgumentParser, _SubParsersAction


def add_backup_parsers(tasks: "_SubParsersAction[ArgumentParser]") -> None:
    back_up = tasks.add_parser("backup", help="store everything, encrypted: ./taskw backup [FOLDER|s3://…]")
    back_up.add_argument("target", nargs="?", default="", metavar="TARGET", help="a folder or s3://bucket/prefix (default: CAPSULE_BACKUP_STORE)")
    actions = back_up.add_mutually_exclusive_group()
    actions.add_argument("--show-key", action="store_true", help="print the key, which a restore needs; keep it elsewhere")
    actions.add_argument("--list", action="store_true", help="list the backups")
    actions.add_argument("--verify", metavar="ID", help="read every part of a backup, or of the newest with `newest`")
    actions.add_argument("--delete", metavar="ID", help="delete a backup")
    back_up.add_argument("--keep", type=int, metavar="N", help="delete all but the newest N (default: CAPSULE_BACKUP_KEEP)")
    again = tasks.add_parser("restore", help="restore a backup into an empty state folder")
    again.add_argument("source", nargs="?", default="", metavar="SOURCE", help="a folder or s3://bucket/prefix (default: CAPSULE_BACKUP_STORE)")
    again.add_argument("--id", default="", metavar="ID", help="which backup (default: the newest)")
    again.add_argument("--key-stdin", action="store_true", help="read the key from standard input (default: CAPSULE_BACKUP_KEY)")
    again.add_argument("--force", action="store_true", help="delete what the state folder has")
