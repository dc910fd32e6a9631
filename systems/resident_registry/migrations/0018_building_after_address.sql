-- An address is written out whole, its 方書 (room) at the end: whether a room is missing is asked of what stands before it. An
-- address that was brought without its 方書 is whole already.
DROP INDEX resident_registry.household_building;
CREATE INDEX household_building ON resident_registry.household (
    (CASE WHEN right(address, length(building)) = building
        THEN rtrim(left(address, length(address) - length(building)), U&' \3000') ELSE address END)
) WHERE building <> '';
