    DELETE FROM {{ published }};
    SET @removed = ROWCOUNT_BIG();
    INSERT INTO {{ published }} ({{ columns | names }})
    SELECT {{ columns | names }} FROM {{ staging }};
    SET @inserted = ROWCOUNT_BIG();
