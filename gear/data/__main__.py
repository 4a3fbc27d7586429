"""`python -m gear.data`: what is built in."""

import argparse
import sys

from gear.data import CONTROL_PAIRS, PAIRS, PROPERTIES, load_property
from gear.errors import user_command


@user_command
def main() -> int:
    """List the built-in properties and pairs."""
    argparse.ArgumentParser(prog="python -m gear.data", description=main.__doc__).parse_args()
    sizes = {code: len(load_property(code)) for code in PROPERTIES}
    print(f"{'code':5} {'molecules':>9}  {'unit':9} {'models see':11} property")
    for code, spec in PROPERTIES.items():
        seen = "logarithm" if spec.log10 else "value"
        print(f"{code:5} {sizes[code]:9,}  {spec.unit:9} {seen:11} {spec.name}")
    print(f"\n{'pair':12} {'target':>7} {'source':>7}")
    for pair in (*PAIRS, *CONTROL_PAIRS):
        target, source = pair.split("_from_")
        note = "   (control)" if pair in CONTROL_PAIRS else ""
        print(f"{pair:12} {sizes[target]:7,} {sizes[source]:7,}{note}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
