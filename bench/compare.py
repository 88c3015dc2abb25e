"""Two results of `make bench` side by side: python bench/compare.py before.json after.json"""

import json
import sys
from pathlib import Path


def main(before: Path, after: Path) -> None:
    old, new = (json.loads(path.read_text()) for path in (before, after))
    for name in old["machine"]:
        if old["machine"][name] != new["machine"].get(name):
            print(f"differs: {name}: {old['machine'][name]} | {new['machine'].get(name)}")
    print(f"{'':<58} {'':<18} {'before':>9} {'after':>9} {'ratio':>7}")
    for title, values in new["results"].items():
        for name, value in values.items():
            was = old["results"].get(title, {}).get(name)
            if isinstance(value, int | float) and isinstance(was, int | float):
                ratio = f"{value / was:7.2f}" if was else ""
                print(f"{title:<58} {name:<18} {was:>9} {value:>9} {ratio}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
