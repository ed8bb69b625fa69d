.PHONY: setup check test bench
setup:
	python3 -m pip install -e '.[dev]'
check:
	ruff format --check src tests benchmarks
	ruff check src tests benchmarks
	mypy
test:
	pytest
bench:
	python benchmarks/gan_step.py
