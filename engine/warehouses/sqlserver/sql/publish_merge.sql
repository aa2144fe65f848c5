    UPDATE [old]
    SET {% for name in values %}[old].{{ name | ident }} = [new].{{ name | ident }}{{ ", " if not loop.last }}{% endfor %}
    FROM {{ published }} AS [old] WITH (UPDLOCK, HOLDLOCK)
    INNER JOIN {{ staging }} AS [new] ON {{ key | matched("new", "old") }};
    SET @updated = ROWCOUNT_BIG();
    INSERT INTO {{ published }} ({{ columns | names }})
    SELECT {{ columns | names("new") }}
    FROM {{ staging }} AS [new]
    WHERE NOT EXISTS (
        SELECT 1 FROM {{ published }} AS [old] WITH (UPDLOCK, HOLDLOCK) WHERE {{ key | matched("old", "new") }}
    );
    SET @inserted = ROWCOUNT_BIG();
