"""Facts of the VOEvent 2.0 schema (IVOA Recommendation 2011-07-11), and whether a packet keeps them.

{element: (kind, {child: (least, most)})}: of "all" every child comes in any order within its bounds, of "choice" at
least one of them comes, unless all of them may be absent.
"""

import re
import xml.etree.ElementTree as ET

MANY = 10**9
NAMESPACE = "{http://www.ivoa.net/xml/VOEvent/v2.0}"
TOP = dict.fromkeys(("Who", "What", "WhereWhen", "How", "Why", "Citations", "Description", "Reference"), (0, 1))
SYSTEMS = {
    *(f"{time}-{sky}-{place}" for time in ("TT", "UTC", "GPS") for sky in ("ICRS", "FK5") for place in ("TOPO", "GEO")),
    *("TDB-ICRS-BARY", "TDB-FK5-BARY", "UTC-GEOD-TOPO"),
}
TEXT = ("text", {})
CHILDREN = {
    f"{NAMESPACE}VOEvent": ("all", TOP),
    "Who": ("all", dict.fromkeys(("AuthorIVORN", "Date", "Description", "Reference", "Author"), (0, 1))),
    "What": ("choice", dict.fromkeys(("Param", "Group", "Table", "Description", "Reference"), (0, MANY))),
    "Param": ("choice", {"Description": (0, MANY), "Reference": (0, MANY), "Value": (0, MANY)}),
    "WhereWhen": ("choice", {"ObsDataLocation": (1, MANY), "Description": (0, MANY), "Reference": (0, MANY)}),
    "ObsDataLocation": ("all", {"ObservatoryLocation": (1, 1), "ObservationLocation": (1, 1)}),
    "ObservatoryLocation": ("all", {"AstroCoordSystem": (0, 1), "AstroCoords": (0, 1)}),
    "ObservationLocation": ("all", {"AstroCoordSystem": (1, 1), "AstroCoords": (1, 1)}),
    "AstroCoordSystem": ("all", {}),
    "AstroCoords": ("all", {"Time": (0, 1), "Position2D": (0, 1), "Position3D": (0, 1)}),
    "Time": ("choice", {"TimeInstant": (1, MANY), "Error": (0, MANY)}),
    "TimeInstant": ("choice", {"ISOTime": (0, MANY), "TimeOffset": (0, MANY), "TimeScale": (0, MANY)}),
    "Why": ("choice", dict.fromkeys(("Name", "Concept", "Inference", "Description", "Reference"), (1, MANY))),
    **dict.fromkeys(("AuthorIVORN", "Date", "Description", "ISOTime"), TEXT),
}
ATTRIBUTES = {
    f"{NAMESPACE}VOEvent": {"version": r"2\.0", "ivorn": r"ivo://\S+", "role": "observation|prediction|utility|test"},
    "Param": {"name": ".*", "value": ".*", "unit": ".*", "ucd": ".*", "utype": ".*", "dataType": "string|float|int"},
    "AstroCoordSystem": {"id": "|".join(SYSTEMS)},
    "AstroCoords": {"coord_system_id": "|".join(SYSTEMS)},
    "Time": {"unit": ".*"},
}
DATE = re.compile(r"-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")  # xs:dateTime


def faults(element: ET.Element) -> list[str]:
    """What about an element and all below it is not as the schema has it."""
    tag, found = element.tag, []
    if tag not in CHILDREN:
        return [f"{tag} is no element of this schema"]
    kind, children = CHILDREN[tag]
    counts = {name: sum(child.tag == name for child in element) for name in {*children, *(c.tag for c in element)}}
    for name, count in counts.items():
        least, most = children.get(name, (0, 0))
        if count > most or (kind == "all" and count < least):
            found.append(f"{tag} holds {count} {name}")
    if kind == "choice" and not len(element) and all(least for least, _ in children.values()):
        found.append(f"{tag} is empty")
    known = ATTRIBUTES.get(tag, {})
    for name, value in element.attrib.items():
        if not re.fullmatch(known.get(name, "(?!)"), value, re.DOTALL):
            found.append(f"{tag} {name}={value!r}")
    if tag == f"{NAMESPACE}VOEvent" and not {"version", "ivorn"} <= set(element.attrib):
        found.append("version or ivorn is missing")
    if kind != "text" and (element.text or "").strip():
        found.append(f"{tag} holds text")
    if tag == "Date" and not DATE.fullmatch(element.text or ""):
        found.append(f"Date {element.text!r}")
    return found + [fault for child in element for fault in faults(child)]
