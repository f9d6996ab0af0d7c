"""`python -m neuroalign`: the command line, where no script is on the path."""

from neuroalign.cli import main

if __name__ == "__main__":
    main()
