"""`dessine`, and `python -m dessine`, the same with this very Python; a sweep starts its runs so."""

from dessine.start import begin

begin()  # before the imports: Ctrl-C during them is quiet, too

from dessine.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
