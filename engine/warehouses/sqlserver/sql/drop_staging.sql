DROP {{ kind }} IF EXISTS {{ staging }};
DROP TABLE IF EXISTS {{ held }};
