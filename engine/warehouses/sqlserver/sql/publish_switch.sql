    TRUNCATE TABLE {{ published }};
    ALTER TABLE {{ staging }} SWITCH TO {{ published }};
