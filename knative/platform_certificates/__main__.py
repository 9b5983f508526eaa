"""`python -m knative.platform_certificates`: order what is due. The one-machine Knative starts it; its output is in the log of that."""

import logging
import os
import sys
from pathlib import Path

from functions.wire.settings import InvalidSetting
from knative.installation import HOME
from knative.local.ordered_certificates import ordered_certificates
from knative.platform_certificates.orders import Orders


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        Orders(os.environ).renew(ordered_certificates(Path(HOME.read(os.environ)).absolute(), os.environ))
    except (InvalidSetting, OSError, ValueError) as error:
        logging.error("the platform's certificates cannot be ordered: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
