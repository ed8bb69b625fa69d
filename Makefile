.PHONY: setup check test bench schema api tour
setup:
	python3 -m pip install -e '.[dev]'
check:
	ruff format --check src tests benchmarks
	ruff check src tests benchmarks
	mypy
test:
	pytest
bench:
	python benchmarks/steps.py
	python benchmarks/busy.py
	python benchmarks/sweep.py
schema:
	dessine config schema > configs/schema.json.new && mv configs/schema.json.new configs/schema.json
	dessine config schema --sweep > configs/sweeps/schema.json.new && mv configs/sweeps/schema.json.new configs/sweeps/schema.json
api:
	python docs/make_api.py
tour:
	python docs/make_tour.py
