"""The real watchdog, in a process that knows the stand."""

from chaos.watchdog import main
from tests.safety.stand import register

if __name__ == "__main__":
    register()
    main()
