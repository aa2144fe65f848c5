SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @held bigint, @moved bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    INSERT INTO {{ held }} WITH (TABLOCK) ({{ quarantine | names }})
    SELECT
        CONCAT({{ load_id | literal }}, N'-', CONVERT(nvarchar(36), NEWID())),
        {{ load_id | literal }},
        SYSUTCDATETIME(),
        {{ source_file | ident }},
        {{ source_row | ident }},
        {{ ("[" ~ reason | json ~ "]") | literal }},
        (SELECT {{ data | names("row") }} FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER),
        N'held',
        NULL
    FROM (
        SELECT {{ columns | names }},
            ROW_NUMBER() OVER (PARTITION BY {{ key | names }} ORDER BY {{ order_by }}) AS [rank]
        FROM {{ staging }}
    ) AS [row]
    WHERE [row].[rank] > 1;
    SET @held = ROWCOUNT_BIG();
    DELETE FROM [kept]
    FROM {{ staging }} AS [kept] WITH (TABLOCK)
    INNER JOIN (
        SELECT {{ origin | names }},
            ROW_NUMBER() OVER (PARTITION BY {{ key | names }} ORDER BY {{ order_by }}) AS [rank]
        FROM {{ staging }}
    ) AS [ranked] ON {{ origin | matched("ranked", "kept") }}
    WHERE [ranked].[rank] > 1;
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
