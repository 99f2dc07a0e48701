# For habit only: everything is in ./dev, which needs no make.
.PHONY: setup test lint demo bench

setup test lint demo bench:
	@./dev $@
