"""Names of columns that tell apart sensors, in long tables, and devices."""

SENSOR_NAMES = (
    "sensor",
    "sensor_id",
    "sensorid",
    "variable",
    "metric",
    "name",
    "tag",
    "tagname",
    "parameter",
    "channel",
)
SENSOR_NAMES += ("field", "signal", "series", "unique_id", "item_id", "measurement", "quantity", "id", "entity_id")
SENSOR_NAMES += (
    "tagpath",
    "tag_name",
    "varname",
    "itemid",
    "point",
    "point_name",
    "metric_name",
    "countername",
    "pid",
    "sensor_name",
    "sensorname",
    "item_name",
    "objectname",
    "object_name",
    "register",
)

DEVICES = (
    *(*SENSOR_NAMES, "entity", "device", "device_id", "deviceid", "device_name", "machine", "machine_id", "machineid"),
    *("station", "station_id", "site", "site_id", "plant", "location", "turbine", "turbine_id", "asset", "asset_id"),
    *("host", "hostname", "instance", "server", "node", "node_id", "pod", "meter", "meter_id", "mac", "vehicle"),
    *("vehicle_id", "unit_id", "unit_number", "household", "house", "building", "building_id", "room", "patient"),
    *("subject", "symbol", "ticker", "store", "item", "country", "region", "city", "source_key", "topic"),
)
NUMBERED = {name for name in DEVICES if name.endswith("id")} - {"id"}
NUMBERED |= {"device", "machine", "station", "sensor", "turbine", "unit_number", "meter", "host"}
# Whole numbers of these names, which may as well be anything: they are devices where each comes once at each time.
COUNTED = frozenset(
    ("index", "gpu", "gpu_index", "core", "cpu", "cpu_core", "card", "port", "slot", "inverter", "string")
)


def plain_name(name: object) -> str:
    """The name of a column as it stands here."""
    return str(name).lower().strip("_ ")
