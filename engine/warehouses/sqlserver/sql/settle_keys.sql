SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @lost bigint, @held bigint = 0, @dropped bigint = 0;
IF EXISTS (SELECT 1 FROM {{ staging }} GROUP BY {{ key | names }} HAVING COUNT_BIG(*) > 1)
BEGIN TRY
    BEGIN TRANSACTION;
    SELECT TOP (0) {{ columns | names }} INTO [#lost] FROM {{ staging }};
{%- if delete_from_cte %}
    WITH [ranked] AS (
        SELECT {{ columns | names }},
            ROW_NUMBER() OVER (PARTITION BY {{ key | names }} ORDER BY {{ landed_last }}) AS [rank]
        FROM {{ staging }} WITH (TABLOCK)
        WHERE {{ key | present }}
    )
    DELETE FROM [ranked]
    OUTPUT {{ columns | names("deleted") }} INTO [#lost] ({{ columns | names }})
    WHERE [rank] > 1;
{%- else %}
    INSERT INTO [#lost] ({{ columns | names }})
    SELECT {{ columns | names }}
    FROM (
        SELECT {{ columns | names }},
            ROW_NUMBER() OVER (PARTITION BY {{ key | names }} ORDER BY {{ landed_last }}) AS [rank]
        FROM {{ staging }}
        WHERE {{ key | present }}
    ) AS [ranked]
    WHERE [rank] > 1;
    DELETE [row]
    FROM {{ staging }} AS [row]
    INNER JOIN [#lost] AS [lost] ON {{ origin | matched("lost", "row") }};
{%- endif %}
    SET @lost = ROWCOUNT_BIG();
    INSERT INTO {{ held }} WITH (TABLOCK) ({{ quarantine | names }})
    SELECT
        N'',
        {{ load_id | literal }},
        SYSUTCDATETIME(),
        [lost].[_source_file],
        [lost].[_source_row],
        N'["' + STRING_ESCAPE(CONCAT({{ (key | join(", ") ~ ": the key stands again, with other values, in row ") | literal }},
            [kept].[_source_row], N' of ', [kept].[_source_file]), 'json') + N'"]',
        (SELECT {{ data | names("lost") }} FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER),
        N'held',
        NULL,
        NULL
    FROM [#lost] AS [lost]
    INNER JOIN {{ staging }} AS [kept] ON {{ key | matched("kept", "lost") }}
    WHERE EXISTS (SELECT {{ data | exactly("lost") }} EXCEPT SELECT {{ data | exactly("kept") }});
    SET @held = ROWCOUNT_BIG();
    SELECT @dropped = COUNT_BIG(*)
    FROM [#lost] AS [lost]
    INNER JOIN {{ staging }} AS [kept] ON {{ key | matched("kept", "lost") }}
    WHERE NOT EXISTS (SELECT {{ data | exactly("lost") }} EXCEPT SELECT {{ data | exactly("kept") }});
    IF @held + @dropped <> @lost
        THROW 50003, {{ ("rows held or dropped and rows removed differ in " ~ table) | message }}, 1;
    DROP TABLE [#lost];
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @dropped AS [dropped], @held AS [held];
