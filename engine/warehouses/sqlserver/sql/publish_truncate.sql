    TRUNCATE TABLE {{ published }};
    INSERT INTO {{ published }} WITH (TABLOCK) ({{ columns | names }})
    SELECT {{ columns | names }} FROM {{ staging }};
    SET @inserted = ROWCOUNT_BIG();
