-- place
IF NOT EXISTS (SELECT 1 FROM sys.partition_functions WHERE [name] = N'mdl_pf_silver_sessions_1c697804')
    CREATE PARTITION FUNCTION [mdl_pf_silver_sessions_1c697804] (date) AS RANGE RIGHT FOR VALUES ();

-- place
IF NOT EXISTS (SELECT 1 FROM sys.partition_schemes WHERE [name] = N'mdl_ps_silver_sessions_1c697804')
    CREATE PARTITION SCHEME [mdl_ps_silver_sessions_1c697804] AS PARTITION [mdl_pf_silver_sessions_1c697804] ALL TO ([PRIMARY]);

-- create
IF OBJECT_ID(N'[silver].[sessions]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[sessions] (
    [id] bigint NOT NULL,
    [user_id] nvarchar(20) NULL,
    [watched] date NOT NULL,
    [minutes] int NULL,
    [note] nvarchar(max) NULL,
    CONSTRAINT [PK_silver_sessions] PRIMARY KEY CLUSTERED ([id], [watched]) WITH (DATA_COMPRESSION = PAGE) ON [mdl_ps_silver_sessions_1c697804] ([watched])
);
END;

-- span
SELECT CAST(MIN([watched]) AS date) AS [first], CAST(MAX([watched]) AS date) AS [last] FROM [silver].[sessions];

-- slide
ALTER PARTITION SCHEME [mdl_ps_silver_sessions_1c697804] NEXT USED [PRIMARY];
ALTER PARTITION FUNCTION [mdl_pf_silver_sessions_1c697804]() SPLIT RANGE ('20240301');

-- slide
ALTER PARTITION SCHEME [mdl_ps_silver_sessions_1c697804] NEXT USED [PRIMARY];
ALTER PARTITION FUNCTION [mdl_pf_silver_sessions_1c697804]() SPLIT RANGE ('20240201');

-- slide
ALTER PARTITION SCHEME [mdl_ps_silver_sessions_1c697804] NEXT USED [PRIMARY];
ALTER PARTITION FUNCTION [mdl_pf_silver_sessions_1c697804]() SPLIT RANGE ('20240101');

-- slide
ALTER PARTITION SCHEME [mdl_ps_silver_sessions_1c697804] NEXT USED [PRIMARY];
ALTER PARTITION FUNCTION [mdl_pf_silver_sessions_1c697804]() SPLIT RANGE ('20231101');

-- slide
ALTER PARTITION FUNCTION [mdl_pf_silver_sessions_1c697804]() MERGE RANGE ('20230901');

-- reconcile
ALTER TABLE [silver].[sessions] ADD [hours] AS (minutes / 60.0);

-- reconcile
ALTER TABLE [silver].[sessions] ADD [evening] AS (CASE WHEN minutes > 90 THEN N'long' ELSE N'it''s short' END);

-- reconcile
EXEC sys.sp_addextendedproperty N'mdl_definition', N'a2271d72', N'SCHEMA', N'silver', N'TABLE', N'sessions', N'COLUMN', N'hours';

-- reconcile
EXEC sys.sp_addextendedproperty N'mdl_definition', N'0e8ac8e1', N'SCHEMA', N'silver', N'TABLE', N'sessions', N'COLUMN', N'evening';

-- reconcile
ALTER TABLE [silver].[sessions] REBUILD WITH (DATA_COMPRESSION = PAGE);

-- reconcile
CREATE NONCLUSTERED INDEX [mdl_sessions_3979d7bf] ON [silver].[sessions] ([watched] DESC, [user_id]) INCLUDE ([minutes]) WITH (DATA_COMPRESSION = PAGE);

-- reconcile
CREATE NONCLUSTERED INDEX [mdl_recent_247f9d51] ON [silver].[sessions] ([user_id]) WHERE watched >= '2024-01-01' AND minutes IS NOT NULL WITH (DATA_COMPRESSION = PAGE);

-- reconcile
CREATE UNIQUE NONCLUSTERED INDEX [mdl_sessions_e94b1d0a] ON [silver].[sessions] ([user_id], [watched]) WITH (DATA_COMPRESSION = PAGE);

-- reconcile
CREATE NONCLUSTERED INDEX [mdl_sessions_1d3a78ea] ON [silver].[sessions] ([hours]) WITH (DATA_COMPRESSION = PAGE);

-- reconcile
ALTER TABLE [silver].[sessions] ADD CONSTRAINT [mdl_df_sessions_minutes_c8923ad8] DEFAULT (0) FOR [minutes];

-- reconcile
ALTER TABLE [silver].[sessions] ADD CONSTRAINT [mdl_df_sessions_watched_206af09b] DEFAULT (CAST(SYSUTCDATETIME() AS date)) FOR [watched];

-- reconcile
EXEC sys.sp_addextendedproperty N'MS_Description', N'Minutes watched; never negative', N'SCHEMA', N'silver', N'TABLE', N'sessions', N'COLUMN', N'minutes';

-- reconcile
EXEC sys.sp_addextendedproperty N'MS_Description', N'Who watched, from ''users''', N'SCHEMA', N'silver', N'TABLE', N'sessions', N'COLUMN', N'user_id';

-- bind
IF OBJECT_ID(N'[silver].[users]', N'U') IS NOT NULL
    ALTER TABLE [silver].[sessions] WITH CHECK ADD CONSTRAINT [mdl_fk_sessions_fd7567b8] FOREIGN KEY ([user_id]) REFERENCES [silver].[users] ([id]);

-- permit
IF DATABASE_PRINCIPAL_ID(N'readers') IS NULL CREATE ROLE [readers];

-- permit
IF DATABASE_PRINCIPAL_ID(N'data_analyst') IS NULL CREATE ROLE [data_analyst];

-- permit
IF DATABASE_PRINCIPAL_ID(N'interns') IS NULL CREATE ROLE [interns];

-- permit
GRANT SELECT ON OBJECT::[silver].[sessions] TO [readers];

-- permit
GRANT SELECT ON OBJECT::[dbo].[sessions] TO [readers];

-- permit
DENY SELECT ON OBJECT::[silver].[sessions] ([user_id]) TO [data_analyst];

-- permit
DENY SELECT ON OBJECT::[silver].[sessions] ([note]) TO [data_analyst];

-- permit
DENY SELECT ON OBJECT::[dbo].[sessions] ([user_id]) TO [data_analyst];

-- permit
DENY SELECT ON OBJECT::[dbo].[sessions] ([note]) TO [data_analyst];

-- permit
DENY SELECT ON OBJECT::[silver].[sessions] TO [interns];

-- permit
DENY SELECT ON OBJECT::[dbo].[sessions] TO [interns];

-- tidy
DECLARE @drop nvarchar(max);
SELECT @drop = STRING_AGG(CAST(N'DROP PARTITION SCHEME ' + QUOTENAME([s].[name]) + N'; DROP PARTITION FUNCTION ' + QUOTENAME([f].[name]) + N';' AS nvarchar(max)), N' ')
FROM sys.partition_schemes AS [s]
INNER JOIN sys.partition_functions AS [f] ON [f].[function_id] = [s].[function_id]
WHERE LEFT([s].[name], 7) = N'mdl_ps_'
    AND NOT EXISTS (SELECT 1 FROM sys.indexes AS [i] WHERE [i].[data_space_id] = [s].[data_space_id]);
IF @drop IS NOT NULL EXEC sys.sp_executesql @drop;
