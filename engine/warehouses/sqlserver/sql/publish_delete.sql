    DELETE FROM {{ published }};
    INSERT INTO {{ published }} ({{ columns | names }})
    SELECT {{ columns | names }} FROM {{ staging }};
    SET @inserted = ROWCOUNT_BIG();
