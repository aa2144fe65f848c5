    SELECT @unchanged = COUNT_BIG(*)
    FROM {{ staging }} AS [new]
    INNER JOIN {{ published }} AS [old] WITH (UPDLOCK, HOLDLOCK) ON {{ key | matched("old", "new") }}
    WHERE [old].[is_current] = 1
{%- if tracked %}
        AND NOT EXISTS (SELECT {{ tracked | exactly("new") }} EXCEPT SELECT {{ tracked | exactly("old") }})
{%- endif %};
    UPDATE [old]
    SET [old].[valid_to] = {{ as_of }}, [old].[is_current] = 0
    FROM {{ published }} AS [old] WITH (UPDLOCK, HOLDLOCK)
    LEFT JOIN {{ staging }} AS [new] ON {{ key | matched("new", "old") }}
    WHERE [old].[is_current] = 1
        AND ([new].{{ key[0] | ident }} IS NULL
{%- if tracked %}
            OR EXISTS (SELECT {{ tracked | exactly("new") }} EXCEPT SELECT {{ tracked | exactly("old") }})
{%- endif %})
{%- if held %}
        -- a row in quarantine is not gone
        AND NOT ([new].{{ key[0] | ident }} IS NULL AND EXISTS (SELECT 1 FROM {{ held }} AS [quarantined] WHERE
            {%- for column in key_columns %} [old].{{ column.name | ident }} = {{ column | said("quarantined") }}{{ " AND" if not loop.last }}{% endfor %}))
{%- endif %};
    SET @closed = ROWCOUNT_BIG();
    INSERT INTO {{ published }} ({{ columns | names }}, [valid_from], [valid_to], [is_current])
    SELECT {{ columns | names("new") }}, {{ as_of }}, NULL, 1
    FROM {{ staging }} AS [new]
    WHERE NOT EXISTS (
        SELECT 1 FROM {{ published }} AS [old] WITH (UPDLOCK, HOLDLOCK)
        WHERE {{ key | matched("old", "new") }} AND [old].[is_current] = 1
    );
    SET @inserted = ROWCOUNT_BIG();
