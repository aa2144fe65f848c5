    SELECT @inserted = COUNT_BIG(*) FROM {{ staging }};
    TRUNCATE TABLE {{ published }};
    ALTER TABLE {{ staging }} SWITCH TO {{ published }};
