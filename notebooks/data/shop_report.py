"""A report of a shop's orders in three steps, as the recorded agents run it.

python3 shop_report.py fetch|check|total DAY
"""

import sys
import time
from pathlib import Path


def fetch(day):
    """Copy the orders of a day; a large file takes longer."""
    source = Path(f"source/{day}.csv")
    if not source.exists():
        sys.exit(f"{day}: the shop has no orders")
    rows = source.read_text().splitlines()
    time.sleep(len(rows) / 4000)  # the shop hands out 4,000 orders a second
    Path(f"{day}.csv").write_text("\n".join(rows) + "\n")
    print(f"{day}: {len(rows)} orders")


def check(day):
    """Refuse orders that came twice."""
    if not Path(f"{day}.csv").exists():
        sys.exit(f"{day}: nothing was fetched")
    rows = Path(f"{day}.csv").read_text().splitlines()
    twice = len(rows) - len(set(rows))
    if twice:
        sys.exit(f"{day}: {twice} orders came twice")
    print(f"{day}: no order came twice")


def total(day):
    """Add up the sales of each product."""
    if not Path(f"{day}.csv").exists():
        sys.exit(f"{day}: nothing was fetched")
    totals = {}
    for row in Path(f"{day}.csv").read_text().splitlines():
        _, product, pieces, price = row.split(",")
        totals[product] = totals.get(product, 0) + int(pieces) * float(price)
    lines = [f"{product},{amount:.2f}" for product, amount in sorted(totals.items())]
    Path(f"{day}.total").write_text("\n".join(lines) + "\n")
    print(f"{day}: {sum(totals.values()):.2f}")


if __name__ == "__main__":
    step, day = sys.argv[1:]
    {"fetch": fetch, "check": check, "total": total}[step](day)
