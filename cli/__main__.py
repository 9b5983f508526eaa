"""`python -m cli` is `capsule`."""

from cli.main import main

if __name__ == "__main__":
    main()
