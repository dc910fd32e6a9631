-- A move-in without 方書 (room) asks whether another household at that address has one. Through the index of bigrams the
-- question grew with every household of the town; this one holds only the households in buildings.
CREATE INDEX household_building ON resident_registry.household (address) WHERE building <> '';
