"""CPU time of the formatter on a recipe of 10,000 lines, as written and in its form already.

python tests/benchmarks/formatting.py
"""

from __future__ import annotations

import gc
import platform
import time

from specc.formatting import format_text

STAGE = """  stage s{new} from s{old} {{
    optimizer = adamw(beta2 = 0.95)   # why
    schedule = cosine(peak = 3e-3, warmup = 2%, floor = 10%)
    batch = 8 sequences
  }}

"""


def recipe(lines: int) -> str:
    """A recipe of about so many lines: stages with settings and comments."""
    stages = "".join(STAGE.format(new=new, old=new - 1) for new in range(1, lines // 6))
    return f"experiment long {{\n{stages}}}\n"


def seconds(text: str) -> float:
    started = time.process_time()
    format_text(text)
    return time.process_time() - started


def main() -> None:
    gc.disable()  # as in the command
    text = recipe(10_000)
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    print(f"{text.count(chr(10)):,} lines, {len(text):,} characters")
    print(f"parser built and one line formatted   {seconds('let a  = 1'):6.2f} s")
    print(f"as written                            {seconds(text):6.2f} s")
    print(f"in its form already                   {seconds(format_text(text)):6.2f} s")


if __name__ == "__main__":
    main()
