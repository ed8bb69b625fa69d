"""`python -m dessine`: the same as `dessine`, with this very Python; a sweep starts its runs so."""

from dessine.cli import main

if __name__ == "__main__":
    main()
