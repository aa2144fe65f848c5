{%- set column = partition_by | ident %}
{%- set first = {"day": "CAST(" ~ column ~ " AS date)",
                 "month": "DATEFROMPARTS(YEAR(" ~ column ~ "), MONTH(" ~ column ~ "), 1)",
                 "year": "DATEFROMPARTS(YEAR(" ~ column ~ "), 1, 1)"}[grain] %}
{#- The day after the last one that date holds cannot be written: an open end stands for it. #}
{%- set last = {"day": "'9999-12-31'", "month": "'9999-12-01'", "year": "'9999-01-01'"}[grain] %}
    DECLARE @periods TABLE ([first] date NULL, [next] date NULL);
    INSERT INTO @periods ([first], [next])
    SELECT [first], CASE WHEN [first] < {{ last }} THEN DATEADD({{ grain }}, 1, [first]) END
    FROM (SELECT DISTINCT {{ first }} AS [first] FROM {{ staging }}) AS [present];
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
        THROW 50004, {{ (table ~ ": keys of this load " ~ kept_elsewhere) | message }}, 1;
{%- endif %}
    INSERT INTO {{ published }} ({{ columns | names }})
    SELECT {{ columns | names }} FROM {{ staging }};
    SET @inserted = ROWCOUNT_BIG();
