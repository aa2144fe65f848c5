{%- set column = partition_by | ident %}
    DELETE [old]
    FROM {{ published }} AS [old]
    INNER JOIN @periods AS [period]
        ON [old].{{ column }} >= [period].[first] AND ([old].{{ column }} < [period].[next] OR [period].[next] IS NULL);
    SET @removed = ROWCOUNT_BIG();
    DELETE FROM {{ published }}
    WHERE {{ column }} IS NULL AND EXISTS (SELECT 1 FROM @periods WHERE [first] IS NULL);
    SET @removed = @removed + ROWCOUNT_BIG();
{%- if key %}
    IF EXISTS (SELECT 1 FROM {{ staging }} AS [new] INNER JOIN {{ published }} AS [old] ON {{ key | matched("old", "new") }})
        THROW 50004, {{ (table ~ ": keys of this load " ~ refusal) | message }}, 1;
{%- endif %}
    INSERT INTO {{ published }} ({{ columns | names }})
    SELECT {{ columns | names }} FROM {{ staging }};
    SET @inserted = ROWCOUNT_BIG();
