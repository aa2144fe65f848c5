{%- set caught %}{% for rule in rules %}({{ rule.condition }}){{ "\n        OR " if not loop.last }}{% endfor %}{% endset -%}
SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @held bigint, @moved bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    INSERT INTO {{ held }} WITH (TABLOCK) ({{ quarantine | names }})
    SELECT
        N'',
        {{ load_id | literal }},
        SYSUTCDATETIME(),
        {{ source_file | ident if source_file else "NULL" }},
        {{ source_row | ident if source_row else "NULL" }},
        N'[' + STUFF(CONCAT(CAST(N'' AS nvarchar(max))
{%- for rule in rules %},
            CASE WHEN ({{ rule.condition }}) THEN {{ ("," ~ rule.reason | json) | literal }} END
{%- endfor %}), 1, 1, N'') + N']',
        (SELECT {{ data | names }} FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER),
        N'held',
        NULL,
        NULL
    FROM {{ staging }}
    WHERE {{ caught }};
    SET @held = ROWCOUNT_BIG();
    DELETE FROM {{ staging }} WITH (TABLOCK)
    WHERE {{ caught }};
    SET @moved = ROWCOUNT_BIG();
    IF @held <> @moved
        THROW 50003, {{ ("rows held and rows removed differ in " ~ table) | message }}, 1;
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @held AS [held];
