"""A small nightly job in four steps, with a fault in it: what the recorded agent ran.

python3 nightly.py fetch|check|bundle|publish DAY
"""

import os
import sys
import time
from pathlib import Path

BLOCK = 64 * 1024
LOCK = Path("out.lock")


def fetch(day):
    """Store the orders of a day, block by block."""
    announced, stored, blocks = 0, 0, 0
    with Path(f"source/{day}.csv").open() as source, Path(f"{day}.csv").open("w") as target:
        while block := source.read(BLOCK):
            blocks += 1
            for line in block.splitlines():
                if line.startswith("#"):
                    announced = int(line.split()[-1])
                    continue
                target.write(line + "\n")
                stored += 1
    print(f"{day}: {announced} orders announced, {stored} stored, {blocks} block(s)")


def check(day):
    """Look for orders that came twice."""
    rows = Path(f"{day}.csv").read_text().splitlines()
    twice = 0
    for number, row in enumerate(rows):
        if number % 500 == 0:
            print(f"{day}: checked {number} of {len(rows)}", flush=True)
        twice += sum(row == other for other in rows[:number])
    print(f"{day}: {twice} orders came twice")


def bundle(day):
    """Add up the sales of each product."""
    take_lock(f"bundle {day}")
    totals = {}
    for row in Path(f"{day}.csv").read_text().splitlines():
        _, product, pieces, price = row.split(",")
        totals[product] = totals.get(product, 0) + int(pieces) * float(price)
    lines = [f"{product},{total:.2f}" for product, total in sorted(totals.items())]
    Path(f"{day}.bundle").write_text("\n".join(lines) + "\n")
    print(f"{day}: {len(totals)} products bundled")
    LOCK.unlink()


def publish(day):
    """Hand the bundle over."""
    take_lock(f"publish {day}")
    Path("published").mkdir(exist_ok=True)
    Path(f"{day}.bundle").rename(f"published/{day}.bundle")
    print(f"{day}: published")
    LOCK.unlink()


def take_lock(owner):
    """Wait until nobody else writes."""
    while True:
        try:
            with LOCK.open("x") as file:
                file.write(f"{owner}, process {os.getpid()}")
            return
        except FileExistsError:
            print(f"waiting: {LOCK} is held by {LOCK.read_text()}", flush=True)
            time.sleep(2)


if __name__ == "__main__":
    step, day = sys.argv[1:]
    {"fetch": fetch, "check": check, "bundle": bundle, "publish": publish}[step](day)
