DROP TABLE schema_floor;
DROP TABLE leases;
