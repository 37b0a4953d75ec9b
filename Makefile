.PHONY: demo test

demo: ## score handwritten digits, and leave quickstart/digits.png
	@bash scripts/run.sh demo

test: ## run the tests
	@bash scripts/run.sh test
