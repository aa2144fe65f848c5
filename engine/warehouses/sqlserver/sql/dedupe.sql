SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @dropped bigint;
{%- if delete_from_cte %}
WITH [ranked] AS (
    SELECT ROW_NUMBER() OVER (PARTITION BY {{ key | names }} ORDER BY {{ order_by }}) AS [rank]
    FROM {{ staging }}
    WHERE {{ key | present }}
)
DELETE FROM [ranked] WHERE [rank] > 1;
SET @dropped = ROWCOUNT_BIG();
{%- else %}
BEGIN TRY
    BEGIN TRANSACTION;
    SELECT {{ columns | names }},
        CASE WHEN {{ key | present }}
            THEN ROW_NUMBER() OVER (PARTITION BY {{ key | names }} ORDER BY {{ order_by }}) ELSE 1 END AS [__rank]
    INTO [#ranked]
    FROM {{ staging }};
    TRUNCATE TABLE {{ staging }};
    INSERT INTO {{ staging }} WITH (TABLOCK) ({{ columns | names }})
    SELECT {{ columns | names }} FROM [#ranked] WHERE [__rank] = 1;
    SELECT @dropped = COUNT_BIG(*) FROM [#ranked] WHERE [__rank] > 1;
    DROP TABLE [#ranked];
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
{%- endif %}
SELECT @dropped AS [dropped];
