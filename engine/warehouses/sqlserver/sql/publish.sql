SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT {{ lock_timeout_ms }};
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = {{ resource | literal }}, @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = {{ lock_timeout_ms }};
    IF @lock < 0
        THROW 50001, {{ ("another load is publishing " ~ table) | message }}, 1;
{%- if keeps %}
    SELECT @before = COUNT_BIG(*) FROM {{ published }};
{%- endif %}
{%- if brought.files %}
{% include "read_files.sql" %}
{%- endif %}
{%- if load == "partition" %}
{%- include "read_periods.sql" %}
{%- endif %}
{%- if supersede %}{% include "supersede.sql" %}{% endif %}
{{ statements }}
{%- if held %}
    INSERT INTO {{ quarantined }} ({{ quarantine | names }})
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        {{ quarantine[1:] | names }}
    FROM {{ held }};
    SET @quarantined = ROWCOUNT_BIG();
{%- endif %}
    SELECT @total = COUNT_BIG(*) FROM {{ published }};
{%- if whole %}
    SET @inserted = @total;
{%- endif %}
{%- if commit %}
    {{ ledger_sql }}
    COMMIT TRANSACTION;
{%- endif %}
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];
